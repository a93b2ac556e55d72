#!/bin/sh
# Certificates for a test, in a new FOLDER: an authority (ca.pem), a server of 127.0.0.1 and a client by it, another
# authority (foreign.pem), and a file that is none of these (no_pem).
set -eu
mkdir -p "$1"
cd "$1"
echo nothing > no_pem
key() { openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out "$1"; }
for authority in ca foreign; do
    key $authority.key
    openssl req -x509 -new -key $authority.key -subj "/CN=$authority" -days 30 -out $authority.pem
done
for name in server client; do
    key $name.key
    printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\n' > extensions
    openssl req -new -key $name.key -subj "/CN=$name" |
        openssl x509 -req -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile extensions -out $name.pem
done
