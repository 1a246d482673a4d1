"""MLServer with a runtime of its own, as its documentation has it; adaptive batching off, which is faster here."""

from fastapi import status
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.errors import MLServerError
from mlserver.types import InferenceRequest, InferenceResponse

from bench.serving.peers.model import Model


class Runtime(MLModel):
    async def load(self) -> bool:
        self.model = Model()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        tensor = payload.inputs[0]
        try:
            if tensor.datatype == "BYTES":
                array = self.model.read([{"b64": text} for text in StringCodec.decode_input(tensor)])
            else:
                array = self.model.check(NumpyCodec.decode_input(tensor))
        except ValueError as fault:
            raise MLServerError(str(fault), status.HTTP_422_UNPROCESSABLE_ENTITY) from fault
        output = NumpyCodec.encode_output("probabilities", self.model.predict(array))
        return InferenceResponse(model_name=self.name, outputs=[output])
