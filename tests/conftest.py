"""One thread per test process: tiny models are slower on many, and processes share the cores."""

import os

# Before torch is imported: its threads would wait for each other by spinning.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

import torch

torch.set_num_threads(1)
