"""The compilation cache: parts of entries, which processes leave that are killed as they write, are removed."""

import os
import time
import warnings
import zlib

import jax
import pytest
from jax.experimental.compilation_cache.compilation_cache import reset_cache

from lookax.runs.programs.compilation_cache import is_truncated, turn_on


@pytest.fixture
def cache(tmp_path):
    """A cache of this test's own, which keeps every program."""
    names = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")
    before = {name: jax.config.values[name] for name in names}
    for name, value in zip(names, (str(tmp_path), 0.0), strict=True):
        jax.config.update(name, value)
    reset_cache()
    yield tmp_path
    for name, value in before.items():
        jax.config.update(name, value)
    reset_cache()


def test_a_truncated_entry_is_compiled_and_written_again(cache):
    def compiled():
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # JAX warns of entries that it cannot read
            jax.jit(lambda x: x + 1).lower(jax.ShapeDtypeStruct((3,), float)).compile()
        return {entry.name: entry.read_bytes() for entry in cache.glob("*-cache")}

    whole = compiled()
    assert len(whole) == 1
    for name, content in whole.items():
        (cache / name).write_bytes(content[: len(content) // 2])
    turn_on()
    assert not list(cache.glob("*-cache"))
    again = compiled()
    assert set(again) == set(whole)
    assert not any(is_truncated(content) for content in again.values())
    turn_on()
    assert set(again) == {entry.name for entry in cache.glob("*-cache")}


def test_entries_are_checked_once(cache):
    def write(name, age):
        (cache / name).write_bytes(zlib.compress(b"program")[:-1])
        os.utime(cache / name, (time.time() - age,) * 2)

    write("new-cache", 3600)
    turn_on()
    assert not (cache / "new-cache").exists()
    # By its time it was there before: it is not read again, so that hundreds cost nothing.
    write("old-cache", 3600)
    write("newer-cache", 0)
    turn_on()
    assert {file.name for file in cache.iterdir()} == {".lookax-checked", "old-cache"}


def frame(*blocks, single_segment, content_size, dictionary, checksum):
    """A frame of Zstandard, with the header fields that are asked for (RFC 8878, 3.1.1)."""
    sizes = [1 if single_segment else 0, 2, 4, 8]
    descriptor = content_size << 6 | single_segment << 5 | checksum << 2 | dictionary
    header = bytes([descriptor]) + bytes(not single_segment) + bytes([0, 1, 2, 4][dictionary])
    return bytes.fromhex("28b52ffd") + header + bytes(sizes[content_size]) + b"".join(blocks) + bytes(4 * checksum)


def block(kind, size, content, last=False):
    return (size << 3 | kind << 1 | last).to_bytes(3, "little") + content


@pytest.mark.parametrize("content_size", [0, 1, 2, 3])
@pytest.mark.parametrize("dictionary", [0, 1, 2, 3])
def test_frames_of_zstandard_end_where_their_blocks_do(content_size, dictionary):
    # Raw, one byte 300 times, compressed: what is in it is not looked at.
    blocks = block(0, 5, b"12345"), block(1, 300, b"1"), block(2, 7, b"1234567", last=True)
    for single_segment in (0, 1):
        for checksum in (0, 1):
            whole = frame(
                *blocks,
                single_segment=single_segment,
                content_size=content_size,
                dictionary=dictionary,
                checksum=checksum,
            )
            assert not is_truncated(whole)
            assert all(is_truncated(whole[:length]) for length in range(len(whole)))


def test_only_what_is_known_to_be_truncated_is():
    whole = zlib.compress(bytes(range(256)) * 9)
    assert not is_truncated(whole)
    assert all(is_truncated(whole[:length]) for length in range(len(whole)))
    assert not is_truncated(b"of another kind")
