import pytest
import torch

from tiny_models import tiny_model
from trackformer import load_model
from trackformer.checkpoints.average import average
from trackformer.checkpoints.convert import convert
from trackformer.checkpoints.model_files import save_model
from trackformer.errors import CheckpointError


def filled(value: float):
    model = tiny_model()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(value)
    return model


def values(model) -> set[float]:
    return {float(each) for p in model.parameters() for each in p.detach().unique()}


def test_every_weight_is_the_mean_of_all_and_no_model_changes():
    first, second, third = filled(1.0), filled(4.0), filled(7.0)
    assert values(average(first, {"second": second})) == {2.5}
    assert values(average(first, {"second": second, "third": third})) == {4.0}
    assert (values(first), values(second), values(third)) == ({1.0}, {4.0}, {7.0})


def test_a_model_and_itself_give_the_model():
    model = tiny_model()
    averaged = average(model, {"the same": tiny_model()}).state_dict()
    assert all(torch.equal(averaged[name], tensor) for name, tensor in model.state_dict().items())


def test_another_model_is_refused():
    with pytest.raises(CheckpointError, match=r"the other model: .*missing"):
        average(tiny_model(), {"the other model": tiny_model("d_fine")})


def test_convert_writes_the_mean_with_the_settings_of_the_first(tmp_path):
    save_model(filled(1.0), tmp_path / "after.safetensors")
    save_model(filled(4.0), tmp_path / "before.safetensors")
    convert(
        tmp_path / "after.safetensors",
        tmp_path / "mean.safetensors",
        averaged_with=[tmp_path / "before.safetensors"],
        tracker={"birth_score": 0.55},
    )
    written = load_model(tmp_path / "mean.safetensors")
    assert values(written) == {2.5}
    assert written.settings.tracker["birth_score"] == 0.55
