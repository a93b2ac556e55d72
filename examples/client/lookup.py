"""Looks the features of one entity up, over stubs made from the .proto: lookup.py ADDRESS SERVICE KEY_NAME KEY

  python3 -m grpc_tools.protoc -I proto --python_out=stubs --grpc_python_out=stubs selfsame/v1/feature_store.proto
  PYTHONPATH=stubs python3 examples/client/lookup.py 127.0.0.1:7070 fraud_v1 user_id u1
"""
import sys

import grpc
from selfsame.v1 import feature_store_pb2 as pb
from selfsame.v1.feature_store_pb2_grpc import FeatureStoreStub

address, service, key_name, key = sys.argv[1:]
with grpc.insecure_channel(address) as channel:
    answer = FeatureStoreStub(channel).GetFeatures(
        pb.GetFeaturesRequest(service=service, keys=[pb.Column(name=key_name, strings=[key])]), timeout=10)
for feature in answer.features:
    values = feature.bools or feature.int64s or feature.doubles or feature.strings or feature.blobs
    print(f"{feature.name:24}", values[0] if not any(feature.status) else "null")
