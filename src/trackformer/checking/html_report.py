"""The findings as one HTML file with histograms and pictures: no script, nothing from elsewhere."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from html import escape

from trackformer.checking.check import Report
from trackformer.checking.contact_sheets import annotated_picture, evenly_spread
from trackformer.checking.records import Finding, Place
from trackformer.checking.statistics import Distribution, distributions
from trackformer.checking.written_reports import summary
from trackformer.data.annotations import AnnotatedFrame, AnnotatedSequence

NUM_SAMPLES, NUM_EXAMPLES, NUM_PLACES = 12, 6, 50
CHART_WIDTH, CHART_HEIGHT, LABEL_HEIGHT = 320, 110, 16
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1040px; color: #222;
  padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.15rem; margin-top: 2.5rem; }
section { border-left: 5px solid #999; padding: .2rem 1rem; margin: 1rem 0; background: #fafafa; }
section.error { border-color: #c62828; } section.warning { border-color: #ef9f00; }
section h3 { margin: .4rem 0; font-size: 1rem; } section p { margin: .3rem 0; }
.kind { color: #666; font-weight: normal; } li { font-family: monospace; font-size: 12px; }
.sheet, .charts { display: flex; flex-wrap: wrap; gap: 10px; }
figure { margin: 0; width: 320px; } figure img { width: 100%; display: block; }
figcaption { font-size: 12px; color: #444; overflow-wrap: anywhere; }
"""


def html_report(report: Report) -> str:
    """The whole page."""
    return "".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f"<title>{escape(report.path.name)}: data check</title><style>{STYLE}</style></head>",
            f"<body><h1>{escape(str(report.path))}</h1><p>{escape(summary(report))}</p>",
            "<h2>Findings</h2>",
            *(_finding_part(finding, report) for finding in report.findings),
            "" if report.findings else "<p>Nothing found.</p>",
            '<h2>Distributions</h2><div class="charts">',
            *(_chart(distribution) for distribution in distributions(report.inspected)),
            "</div><h2>Annotated frames</h2><p>Colours stand for ids, grey for regions to ignore.",
            '</p><div class="sheet">',
            *_figures(evenly_spread(report.inspected.data.sequences, NUM_SAMPLES)),
            "</div></body></html>\n",
        ]
    )


def _finding_part(finding: Finding, report: Report) -> str:
    items = "".join(f"<li>{escape(place.where)}</li>" for place in finding.places[:NUM_PLACES])
    more = len(finding.places) - NUM_PLACES
    rest = f"<p>and {more} more (all are in the json report)</p>" if more > 0 else ""
    places = f"<details><summary>where</summary><ul>{items}</ul>{rest}</details>" if items else ""
    return (
        f'<section class="{finding.severity}"><h3>{escape(finding.what)} '
        f'<span class="kind">{finding.severity}: {finding.check}</span></h3>'
        f"<p>{escape(finding.remedy[0].upper() + finding.remedy[1:])}.</p>{places}"
        f'<div class="sheet">{"".join(_examples(finding, report))}</div></section>'
    )


def _examples(finding: Finding, report: Report) -> Iterator[str]:
    """Pictures of the first places that are frames."""
    sequences = {sequence.name: sequence for sequence in report.inspected.data.sequences}
    for place in finding.places[:NUM_EXAMPLES]:
        if place.sequence in sequences and place.frame_index is not None:
            sequence = sequences[place.sequence]
            yield _figure(sequence, sequence.frames[place.frame_index], place)


def _figures(frames: list[tuple[AnnotatedSequence, AnnotatedFrame]]) -> Iterator[str]:
    for sequence, frame in frames:
        name = "" if frame.image_path is None else frame.image_path.name
        yield _figure(sequence, frame, Place(f"{sequence.name}, {name}"))


def _figure(sequence: AnnotatedSequence, frame: AnnotatedFrame, place: Place) -> str:
    picture = annotated_picture(sequence, frame, place.track_id)
    if picture is None:
        return ""
    data = base64.b64encode(picture).decode()
    caption = escape(place.where.rpartition(": ")[2])
    return (
        f'<figure><img alt="{caption}" src="data:image/jpeg;base64,{data}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _chart(distribution: Distribution) -> str:
    """A histogram as SVG, with the least and the largest value under it."""
    counts, edges = distribution.histogram()
    width = CHART_WIDTH / len(counts)
    bars = "".join(
        f'<rect x="{place * width:.1f}" y="{CHART_HEIGHT - height:.1f}" '
        f'width="{max(1.0, width - 1):.1f}" height="{height:.1f}" fill="#4878a8">'
        f"<title>{edges[place]:.4g} .. {edges[place + 1]:.4g}: {count:.0f}</title></rect>"
        for place, count in enumerate(counts)
        for height in [CHART_HEIGHT * count / counts.max()]
    )
    low, middle, high = distribution.quantiles()
    unit = f" ({distribution.unit})" if distribution.unit else ""
    text_y = CHART_HEIGHT + LABEL_HEIGHT - 3
    return (
        f"<figure><figcaption>{escape(distribution.name + unit)}, median {middle:.4g}</figcaption>"
        f'<svg viewBox="0 0 {CHART_WIDTH} {CHART_HEIGHT + LABEL_HEIGHT}" role="img">{bars}'
        f'<text x="0" y="{text_y}" font-size="12">{low:.4g}</text>'
        f'<text x="{CHART_WIDTH}" y="{text_y}" font-size="12" text-anchor="end">{high:.4g}</text>'
        "</svg></figure>"
    )
