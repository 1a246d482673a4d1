"""Images as they are: one as the body, or several as the files of a multipart form."""

from http import HTTPStatus
from io import BytesIO

from multipart import MultipartError, MultipartParser, MultipartPart, parse_options_header

from workers.serving.call import Call
from workers.serving.problems import Problem, bad_request

IMAGE_TYPES = (b"image/", b"application/x-image", b"multipart/form-data")
UNTOLD = b"application/octet-stream"
MAX_PARTS = 1000


def is_image_body(call: Call, content_type: bytes) -> bool:
    """Whether the body is images. One that does not say what it is may still be JSON."""
    kind = content_type.lower()
    if kind.startswith(UNTOLD):
        return call.model.takes_images and not call.body[:64].lstrip().startswith(b"{")
    return kind.startswith(IMAGE_TYPES)


def take_images(call: Call, content_type: bytes) -> None:
    """Take the encoded images of a body into the call, in order."""
    call.rows = read_images(call, content_type)
    call.count, call.where = len(call.rows), "image %d"


def read_images(call: Call, content_type: bytes) -> list[bytes]:
    """Return the encoded images of a body, in order."""
    if not call.model.takes_images:
        message = "this model takes no images; send its columns as JSON"
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, message)
    is_form = content_type.lower().startswith(b"multipart/")
    images = _read_parts(call.body, content_type) if is_form else [call.body]
    if not images or not all(images):
        raise bad_request("no image came; send its bytes as the body, or as a file of a multipart form")
    return images


def _read_parts(body: bytes, content_type: bytes) -> list[bytes]:
    _, options = parse_options_header(content_type.decode("latin-1"))
    try:
        parser = MultipartParser(
            BytesIO(body),
            options.get("boundary", ""),
            content_length=len(body),
            part_limit=MAX_PARTS,
            memory_limit=len(body) + 1,
            spool_limit=len(body) + 1,
        )
        return [_read_part(part) for part in parser.parts()]
    except (MultipartError, ValueError) as fault:
        raise bad_request(f"the multipart body cannot be read: {fault}") from None


def _read_part(part: MultipartPart) -> bytes:
    """A field that is no file is not passed over: whoever sent it meant something by it."""
    if part.filename is None and not (part.content_type or "").startswith("image/"):
        raise bad_request(f"the field '{part.name or '':.80}' of the form is no file; send images only, each as a file")
    return bytes(part.raw)
