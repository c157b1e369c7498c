"""The optional compiled kernel; all else about the package stands in pyproject.toml."""

from pathlib import Path

from setuptools import Extension, setup

ATTENTION = Path("src/trackformer/models/ms_deform_attn")

setup(
    ext_modules=[
        # A plain library for ctypes: neither Python's nor torch's version matters to it.
        Extension(
            "trackformer.models.ms_deform_attn.ms_deform_attn_kernel",
            sources=[str(ATTENTION / "kernel/kernel.cpp")],
            depends=sorted(map(str, (ATTENTION / "kernel").glob("*.h"))),
            language="c++",
            extra_compile_args=["-O3"],
            # Without a compiler the package installs all the same; `trackformer info` says so.
            optional=True,
        )
    ]
)
