"""Answers every row of a file with a model: `python -m workers.scoring survey|answer FOLDER`, a child process.

The file is read twice and never held: `survey` reads it to its end, so that a file that cannot be read to its end is
refused before anything is charged; `answer` reads it again, chunk by chunk, and keeps every chunk that is whole.

opening       which reader a file needs; the names of columns that predictions get
chunks        what all readers give: rows to predict, and the same rows to write
texts         delimited text        objects   JSON        columnar   Parquet        pictures   a zip of images
answering     rows to predictions, whatever is wrong with some of them
writing       rows and predictions to bytes of the result
working       the two steps

The variables below have to stand before NumPy and Arrow are imported: one thread each and the C allocator, so that
the process fits into the address space that its supervisor allows it.
"""

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ARROW_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
