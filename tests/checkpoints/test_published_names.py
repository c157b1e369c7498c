"""Published weights by name, from a folder of one's own."""

import pytest
import torch

from trackformer.checkpoints.load import load_weights
from trackformer.checkpoints.published.by_name import COCO
from trackformer.checkpoints.published.imagenet import FILES, load_imagenet
from trackformer.errors import CheckpointError
from trackformer.models.build import build_model
from trackformer.models.settings import BackboneSettings, DetrSettings, ModelSettings
from trackformer.models.torchvision_import import ensure_torchvision

SIZES = {"embedding_size": 32, "num_heads": 4, "num_encoder_layers": 1, "num_decoder_layers": 1}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TRACKFORMER_WEIGHTS", str(tmp_path))
    return tmp_path


def small_detr(**backbone):
    backbone = BackboneSettings(name="resnet18", weights="imagenet", **backbone)
    return build_model(ModelSettings(detector=DetrSettings(backbone=backbone, **SIZES)))


@pytest.fixture(scope="module")
def resnet():
    ensure_torchvision()
    from torchvision.models import resnet18

    torch.manual_seed(3)
    model = resnet18()
    with torch.no_grad():
        for norm in (module for module in model.modules() if hasattr(module, "running_mean")):
            norm.running_mean.uniform_()
    return model


def test_files_are_called_as_torchvision_calls_them():
    ensure_torchvision()
    from torchvision.models import get_model_weights

    for name, file in FILES.items():
        assert get_model_weights(name).IMAGENET1K_V1.url.endswith("/" + file)


@pytest.mark.parametrize("batch_norm", ["frozen", "trainable"])
def test_a_backbone_begins_with_torchvisions_weights(folder, resnet, batch_norm):
    torch.save(resnet.state_dict(), folder / "resnet18-f37072fd.pth")
    model = small_detr(batch_norm=batch_norm)
    load_imagenet(model)
    ours, theirs = model.detector.backbone.state_dict(), resnet.state_dict()
    assert torch.equal(ours["stem.conv1.weight"], theirs["conv1.weight"])
    assert torch.equal(ours["stem.bn1.running_mean"], theirs["bn1.running_mean"])
    assert torch.equal(ours["layer4.1.bn2.weight"], theirs["layer4.1.bn2.weight"])


def test_building_a_model_reads_no_file_and_asks_no_network(folder):
    assert small_detr().settings.detector.backbone.weights == "imagenet"


def test_a_missing_file_is_named_with_the_folder(folder):
    with pytest.raises(CheckpointError) as refused:
        load_imagenet(small_detr())
    assert str(refused.value) == (
        "weights: imagenet of resnet18: expected the file resnet18-f37072fd.pth in the folder "
        f"{folder} (the environment variable TRACKFORMER_WEIGHTS names another one); it is not "
        "there, and nothing is downloaded"
    )
    for name, file in COCO.items():
        with pytest.raises(CheckpointError, match=f"{name}: expected the file {file} in the"):
            load_weights(name)


def test_a_file_of_another_network_is_refused(folder):
    torch.save({"conv1.weight": torch.zeros(1)}, folder / "resnet18-f37072fd.pth")
    with pytest.raises(CheckpointError, match=r"resnet18-f37072fd.pth: tensors do not fit"):
        load_imagenet(small_detr())


def test_what_is_no_name_is_answered_with_those_there_are(folder):
    for name in ("detr-r51", "..", "../" + folder.name, ""):
        with pytest.raises(CheckpointError):
            load_weights(name)
    with pytest.raises(CheckpointError, match=r"in a folder of your own \(detr-r50, detr-r50-dc5"):
        load_weights("detr-r51")
