"""Files as answers, without holding them in memory."""

from collections.abc import AsyncIterator

from asgiref.sync import sync_to_async
from django.http import FileResponse

CHUNK = 256 * 1024


class StreamedFile(FileResponse):
    """A file response that an asynchronous server reads in pieces too, instead of all at once."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        assert self.file_to_stream is not None
        read = sync_to_async(self.file_to_stream.read)
        while chunk := await read(CHUNK):
            yield chunk
