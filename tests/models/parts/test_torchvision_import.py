import importlib

import pytest

from trackformer.models.torchvision_import import ensure_torchvision


def test_torchvision_can_be_imported_after_it():
    ensure_torchvision()
    ensure_torchvision()
    from torchvision.models import resnet18

    assert callable(resnet18)


def test_other_errors_are_not_hidden(monkeypatch):
    def fail(_name):
        raise RuntimeError("libcudart is missing")

    monkeypatch.setattr(importlib, "import_module", fail)
    with pytest.raises(RuntimeError, match="libcudart is missing"):
        ensure_torchvision()
