"""What the model of examples/payments reads of a user and a merchant, over stubs made from the .proto: lookup.py ADDRESS USER MERCHANT

  python3 -m grpc_tools.protoc -I proto --python_out=stubs --grpc_python_out=stubs selfsame/v1/feature_store.proto
  PYTHONPATH=stubs python3 examples/client/lookup.py 127.0.0.1:7500 u1 7
"""
import sys

import grpc
from selfsame.v1 import feature_store_pb2 as pb
from selfsame.v1.feature_store_pb2_grpc import FeatureStoreStub

address, user, merchant = sys.argv[1:]
with grpc.insecure_channel(address) as channel:
    answer = FeatureStoreStub(channel).GetFeatures(
        pb.GetFeaturesRequest(service="fraud_v1", keys=[pb.Column(name="user_id", strings=[user]),
                                                        pb.Column(name="merchant_id", int64s=[int(merchant)])]), timeout=10)
for feature in answer.features:
    values = feature.bools or feature.int64s or feature.doubles or feature.strings or feature.blobs  # decimals: by feature.scale
    print(f"{feature.name:24}", values[0] if not any(feature.status) else "null")
