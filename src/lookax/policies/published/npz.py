"""Arrays out of an `.npz` that anybody may have made: nothing is unpickled, and nothing is larger than it may be."""

import io
import itertools
import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from lookax.errors import BadInputError

MAX_BYTES = 2**28
"""What a file and its arrays may take. The agents of this library take less than a megabyte each."""

MAX_MEMBERS = 2**14
"""How many arrays a file may have."""

PIECE = 2**16

ENTRY = b"PK\1\2"
"""How each member's entry in an archive's directory begins."""

HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
"""How the header of an array is read, by its version. The third is for names of fields, which no number has."""


def read_bounded(path: Path, most: int | None = None) -> bytes:
    """What a file holds, which may be no more than `most` bytes, or `MAX_BYTES`.

    **Raises:** `ValueError`, in one line, if it is more or cannot be read.
    """
    most = MAX_BYTES if most is None else most
    try:
        with path.open("rb") as file:
            # Piece by piece: asked for at once, the space for `most` bytes is made whatever there is.
            content = b"".join(itertools.islice(iter(lambda: file.read(PIECE), b""), most // PIECE + 1))
    except OSError as reason:
        raise BadInputError(f"{str(path)!r}: cannot be read ({reason.strerror or reason})") from None
    if len(content) > most:
        raise BadInputError(f"{str(path)!r}: takes more than the {most} bytes that it may")
    return content


def parse_npz(what: str, content: bytes) -> dict[str, Any]:
    """The arrays of a file by name; `None` where there is something else, such as objects or a damaged array.

    **Arguments:** `what` the file is, for messages; its `content`.

    **Raises:** `ValueError` if it is no `.npz`, and if its arrays take more than `MAX_BYTES` or are too many.
    """
    # Counted before there is an object for each of them.
    if content.count(ENTRY) > MAX_MEMBERS:
        raise BadInputError(f"{what}: has more than the {MAX_MEMBERS} arrays that it may")
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except Exception:
        # What damaged archives raise is of many kinds.
        raise BadInputError(f"{what}: is no .npz of NumPy") from None
    size = sum(member.file_size for member in archive.infolist())
    if size > MAX_BYTES:
        raise BadInputError(f"{what}: takes {size} bytes, unpacked; agents may take {MAX_BYTES}")
    return {member.filename.removesuffix(".npy"): _array(archive, member) for member in archive.infolist()}


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray | None:
    """The array of a member, whose header has to agree with what follows before space is made for it."""
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return None
    try:
        with archive.open(member) as file:
            # Asked for all of it, `zipfile` unpacks gigabytes before it cuts them to the size that is stated.
            content = io.BytesIO(file.read(member.file_size))
        shape, _, dtype = HEADERS[np.lib.format.read_magic(content)](content)
        if dtype.hasobject or math.prod(shape) * dtype.itemsize != member.file_size - content.tell():
            return None
        content.seek(0)
        return np.lib.format.read_array(content, allow_pickle=False)
    except Exception:
        return None
