"""What a casting is: a picture, what was drawn on it, and which part it shows."""

from __future__ import annotations

from ml_core.data.schema import Column, Schema

CLASSES = ("porosity", "crack", "shrinkage", "cold_shut", "inclusion")
SCHEMA = Schema(
    (
        Column("picture", "image", "Picture", "The casting.", aliases=("image", "file")),
        Column(
            "boxes", "boxes", "Defects", "Boxes that people drew; empty where nobody has looked.",
            required=False, nullable=True, role="label", aliases=("labels", "annotations"),
            choices=CLASSES,
        ),
        Column(
            "part", "id", "Part", "Serial number of the part.", required=False, nullable=True,
            aliases=("serial", "part_id", "part_number"),
        ),
        Column(
            "series", "category", "Series", "What belongs together: a part, a mould, a day. Never "
            "split between learning and measuring, when it is given by column.",
            required=False, nullable=True, aliases=("group", "lot", "batch"),
        ),
    )
)  # fmt: skip
