"""Images as they are: one as the body, or several as the files of a multipart form."""

from http import HTTPStatus
from io import BytesIO

from multipart import MultipartError, MultipartParser, parse_options_header

from workers.serving.call import Call
from workers.serving.problems import Problem, bad_request

IMAGE_TYPES = (b"image/", b"multipart/form-data", b"application/octet-stream")
MAX_PARTS = 1000


def read_images(call: Call, content_type: bytes) -> list[bytes]:
    """Return the encoded images of a body, in order."""
    if not call.model.takes_images:
        message = "this model takes no images; send its columns as JSON"
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, message)
    body = call.exchange.body
    images = _read_parts(body, content_type) if content_type.startswith(b"multipart/") else [body]
    if not images or not all(images):
        raise bad_request("no image came; send its bytes as the body, or as a file of a multipart form")
    return images


def _read_parts(body: bytes, content_type: bytes) -> list[bytes]:
    _, options = parse_options_header(content_type.decode("latin-1"))
    boundary = options.get("boundary", "")
    try:
        parser = MultipartParser(
            BytesIO(body),
            boundary,
            content_length=len(body),
            part_limit=MAX_PARTS,
            memory_limit=len(body) + 1,
            spool_limit=len(body) + 1,
        )
        return [part.raw for part in parser.parts() if part.filename is not None]
    except (MultipartError, ValueError) as fault:
        raise bad_request(f"the multipart body cannot be read: {fault}") from None
