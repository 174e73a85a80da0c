"""Tutorials: notebooks, which are run, and the pages that are made of them."""

import asyncio
import base64
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from traitlets.config import Config

SECONDS = 600
NOTEBOOK_LINK = re.compile(r"\]\(([\w./-]+)\.ipynb")  # whose page a page links to
PRELUDE = 'import matplotlib; matplotlib.rcParams["figure.dpi"] = 200'  # twice what a page shows, to be enlarged


def build(folder: Path) -> None:
    """Runs all notebooks of a folder, at the same time, and writes a page beside each.

    **Raises:** `nbclient.exceptions.CellExecutionError` for a cell that fails, `ValueError` for one that warns.
    """
    os.environ["JAX_PLATFORMS"] = "cpu"
    asyncio.run(_build(sorted(folder.glob("*.ipynb"))))


async def _build(paths: list[Path]) -> None:
    notebooks = await asyncio.gather(*map(run, paths))
    for path, notebook in zip(paths, notebooks, strict=True):
        path.with_suffix(".md").write_text(page(notebook, path))


async def run(path: Path) -> NotebookNode:
    """A notebook with its outputs."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(PRELUDE))
    with TemporaryDirectory() as sockets:
        client = NotebookClient(
            notebook,
            timeout=SECONDS,
            kernel_name="python3",
            resources={"metadata": {"path": path.parent}},
            config=Config({"KernelManager": {"transport": "ipc", "ip": f"{sockets}/kernel"}}),
        )
        await client.async_execute()
    del notebook.cells[0]
    for output in (output for cell in notebook.cells for output in cell.get("outputs", [])):
        if output.get("name") == "stderr" and "Warning: " in output.text:
            raise ValueError(f"{path.name} warns: {output.text}")
    return notebook


def page(notebook: NotebookNode, path: Path) -> str:
    """A notebook as Markdown, below a link to the notebook; writes its figures into a new folder `<name>_files`."""
    folder = path.parent / f"{path.stem}_files"
    shutil.rmtree(folder, ignore_errors=True)
    blocks = [block for number, cell in enumerate(notebook.cells) for block in _blocks(cell, folder, number)]
    link = f"[Download this page as a notebook]({path.name}){{ .download download }}"
    title, *rest = blocks
    return "\n\n".join([title, link, *rest]) + "\n"


def _blocks(cell: NotebookNode, folder: Path, number: int) -> Iterator[str]:
    if cell.cell_type == "markdown":
        yield NOTEBOOK_LINK.sub(r"](\1.md", cell.source)
    elif cell.source.strip():
        yield _fence("python", cell.source)
        for index, output in enumerate(_joined(cell.outputs)):
            yield _shown(output, folder / f"{number}-{index}.png", cell.metadata.get("alt", "Figure"))


def _joined(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """The same outputs; what is printed in several messages, as kernels send it, is one."""
    joined: list[NotebookNode] = []
    for output in outputs:
        if joined and output.output_type == joined[-1].output_type == "stream" and output.name == joined[-1].name:
            joined[-1] = NotebookNode(joined[-1], text=joined[-1].text + output.text)
        else:
            joined.append(output)
    return joined


def _shown(output: NotebookNode, figure: Path, alt: str) -> str:
    if output.output_type == "stream":
        return _fence("text", output.text)
    if "image/png" in output.data:
        figure.parent.mkdir(exist_ok=True)
        figure.write_bytes(png := base64.b64decode(output.data["image/png"]))
        width = int.from_bytes(png[16:20], "big") // 2
        return f'![{alt}]({figure.parent.name}/{figure.name}){{ width="{width}" }}'
    return output.data.get("text/markdown") or _fence("text", output.data["text/plain"])


def _fence(language: str, text: str) -> str:
    kind = "{ .text .output }" if language == "text" else language
    return f"````{kind}\n{text.rstrip()}\n````"
