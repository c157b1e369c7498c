import io
import json

import pytest
from rich.console import Console

from trackformer.cli import run
from trackformer.errors import DataError
from trackformer.evaluation.reports.files import evaluate_folders, score_table, write_json

GROUND_TRUTH = "".join(
    f"{frame},1,1,1,20,40,1,1,1\n{frame},2,101,1,20,40,1,1,1\n" for frame in (1, 2, 3)
)
PERFECT = "".join(f"{frame},1,1,1,20,40\n{frame},2,101,1,20,40\n" for frame in (1, 2, 3))
FLAWED = """\
1,1,1,1,20,40
1,2,101,1,20,40
2,1,1,1,20,40
2,9,301,1,20,40
3,3,1,1,20,40
3,2,101,1,20,40
"""
"""One switch, one miss, one false positive on six boxes: MOTA 50."""


def write_sequence(split, name):
    (split / name / "gt").mkdir(parents=True)
    (split / name / "gt" / "gt.txt").write_text(GROUND_TRUTH)


def write_results(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def flawed_table(folder):
    write_sequence(folder, "street")
    write_results(folder / "street.txt", FLAWED)
    return evaluate_folders(folder / "street", folder / "street.txt")


def message_of(ground_truth, results):
    with pytest.raises(DataError) as caught:
        evaluate_folders(ground_truth, results)
    return str(caught.value)


@pytest.mark.parametrize("layout", ["{}.txt", "{}/tracks.txt"])
def test_results_of_a_split_lie_in_a_file_or_folder_per_sequence(tmp_path, layout):
    for name, results in (("A", PERFECT), ("B", FLAWED)):
        write_sequence(tmp_path / "split", name)
        write_results(tmp_path / "results" / layout.format(name), results)
    table = evaluate_folders(tmp_path / "split", tmp_path / "results")
    assert [(row.name, row.id_switches) for row in table.sequences] == [("A", 0), ("B", 1)]
    assert table.combined.false_negatives == 1


@pytest.mark.parametrize("results", ["A.txt", "tracks.txt"])
def test_one_sequence_can_be_scored_by_its_folder(tmp_path, results):
    write_sequence(tmp_path, "A")
    write_results(tmp_path / "results" / results, FLAWED)
    assert evaluate_folders(tmp_path / "A", tmp_path / "results").combined.mota == pytest.approx(50)
    one_file = tmp_path / "results" / results
    assert evaluate_folders(tmp_path / "A", one_file).combined.mota == pytest.approx(50)


def test_a_ground_truth_file_needs_no_sequence_folder(tmp_path):
    (tmp_path / "clip_gt.txt").write_text(GROUND_TRUTH)
    write_results(tmp_path / "run" / "tracks.txt", FLAWED)
    table = evaluate_folders(tmp_path / "clip_gt.txt", tmp_path / "run")
    assert (table.sequences[0].name, table.combined.mota) == ("clip_gt", pytest.approx(50))


def test_results_after_the_last_line_of_a_ground_truth_file_are_false_positives(tmp_path):
    (tmp_path / "clip_gt.txt").write_text(GROUND_TRUTH)
    (tmp_path / "tracks.txt").write_text("5,1,1,1,20,40,1,-1,-1,-1\n")
    scores = evaluate_folders(tmp_path / "clip_gt.txt", tmp_path / "tracks.txt").combined
    assert (scores.false_positives, scores.false_negatives) == (1, 6)


def test_an_empty_result_file_means_that_nothing_was_found(tmp_path):
    write_sequence(tmp_path, "A")
    (tmp_path / "A.txt").touch()
    assert evaluate_folders(tmp_path / "A", tmp_path).combined.false_negatives == 6


def test_a_sequence_without_a_result_file_is_named(tmp_path):
    for name in ("A", "B"):
        write_sequence(tmp_path / "split", name)
    write_results(tmp_path / "A.txt", "")
    assert message_of(tmp_path / "split", tmp_path) == (
        f"{tmp_path}: expected results of sequence B in B.txt or B/tracks.txt"
    )


def test_one_file_cannot_hold_the_results_of_two_sequences(tmp_path):
    for name in ("A", "B"):
        write_sequence(tmp_path / "split", name)
    write_results(tmp_path / "A.txt", "")
    assert message_of(tmp_path / "split", tmp_path / "A.txt") == (
        f"{tmp_path}/A.txt: expected a folder with results of every sequence, got a file"
    )


def test_the_json_file_has_the_combined_scores_on_top(tmp_path):
    table = flawed_table(tmp_path)
    write_json(table, tmp_path / "run" / "metrics.json")
    content = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert (content["MOTA"], content["IDSW"], content["GT_IDs"]) == (pytest.approx(50), 1, 2)
    assert content["sequences"]["street"]["HOTA"] == content["HOTA"]
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["metrics.json"]


def test_the_table_has_a_row_per_sequence_and_one_for_all(tmp_path):
    table = flawed_table(tmp_path)
    output = io.StringIO()
    Console(file=output, width=200).print(score_table(table))
    rows = [line.split() for line in output.getvalue().splitlines() if "65.5" in line]
    assert [row[1] for row in rows] == ["street", "combined"]


def test_the_command_writes_switches_and_plots_of_a_part_of_the_video(tmp_path, capsys):
    write_sequence(tmp_path, "street")
    write_results(tmp_path / "street.txt", FLAWED)
    files = ["--switches", str(tmp_path / "s.csv"), "--plots", str(tmp_path / "plots")]
    words = ["--ground-truth", str(tmp_path / "street"), "--results", str(tmp_path / "street.txt")]
    assert run(["evaluate", *words, *files, "--frames", "2-3"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("street, frames 2-3: 1 sequence, 2 frames, 4 boxes of 2 objects")
    assert (tmp_path / "s.csv").read_text().splitlines()[1] == "street,3,1,1,3,2,takeover"
    assert len(list((tmp_path / "plots").iterdir())) == 3


def test_only_some_classes_are_scored(tmp_path, capsys):
    write_sequence(tmp_path / "split", "A")
    (tmp_path / "split" / "A" / "gt" / "labels.txt").write_text("cat\ndog\n")
    truth = GROUND_TRUTH.replace("101,1,20,40,1,1,1", "101,1,20,40,1,2,1")
    (tmp_path / "split" / "A" / "gt" / "gt.txt").write_text(truth)
    # The dog is found in every frame, the cat never; one result calls itself a cat.
    dog = "".join(f"{frame},2,101,1,20,40,1,2,-1,-1\n" for frame in (1, 2, 3))
    write_results(tmp_path / "A.txt", dog + "3,3,1,1,20,40,1,1,-1,-1\n")
    command = ["evaluate", "--ground-truth", str(tmp_path / "split"), "--results", str(tmp_path)]
    for asked in ("dog", "1"):
        assert run([*command, "--classes", asked, "--json", str(tmp_path / "s.json")]) == 0
        scores = json.loads((tmp_path / "s.json").read_text())
        assert (scores["HOTA"], scores["FP"], scores["FN"]) == (100, 0, 0)
    capsys.readouterr()
    assert run([*command, "--classes", "dog,horse"]) == 2
    expected = "error: --classes: expected some of 0 cat, 1 dog; got 'horse'\n"
    assert capsys.readouterr().err == expected
