"""How the proof of a decision looks in the REST interface."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.registry.models import Move, Stage


class ProvenReviewSerializer(serializers.Serializer[Any]):
    correction = serializers.CharField()
    reason = serializers.CharField(allow_blank=True)
    by = serializers.CharField(allow_null=True)
    at = serializers.DateTimeField()


class ProvenDecisionSerializer(serializers.Serializer[Any]):
    label = serializers.JSONField(allow_null=True)  # type: ignore[assignment]  # a field of that name
    score = serializers.FloatField(allow_null=True)
    confidence = serializers.FloatField(allow_null=True)
    alert = serializers.BooleanField(allow_null=True)
    at = serializers.DateTimeField()
    facts = serializers.DictField(help_text="What else was said, such as the threshold.")
    review = ProvenReviewSerializer(allow_null=True, help_text="What a person said of it.")


class ProvenDataSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    url = serializers.CharField()
    name = serializers.CharField()
    number = serializers.IntegerField()
    sha256 = serializers.CharField(allow_blank=True, help_text="Of the file as it came.")
    is_unchanged = serializers.BooleanField(help_text="Whether the version still has that digest.")


class ProvenAskedSerializer(serializers.Serializer[Any]):
    by = serializers.CharField(allow_null=True)
    at = serializers.DateTimeField()
    settings = serializers.DictField(help_text="Settings and limits that were given.")
    row = serializers.IntegerField(allow_null=True)
    dataset = ProvenDataSerializer(allow_null=True)
    inputs = serializers.DictField()
    files = serializers.DictField(child=serializers.CharField(), help_text="SHA-256 by column.")


class ProvenStepSerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    move = serializers.ChoiceField(Move.choices)
    by = serializers.CharField(allow_null=True)
    reason = serializers.CharField(allow_blank=True)


class ProvenModelSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    url = serializers.CharField()
    solution = serializers.CharField()
    number = serializers.IntegerField()
    signature = serializers.CharField()
    signature_holds = serializers.BooleanField(help_text="Checked anew for this answer.")
    stage_now = serializers.ChoiceField(Stage.choices)
    stage_then = serializers.ChoiceField(Stage.choices, allow_null=True)
    came_to_it = ProvenStepSerializer(allow_null=True, help_text="The step to the stage then.")
    promotion = ProvenStepSerializer(
        allow_null=True, help_text="The last step to live before then."
    )


class ProvenTrainingSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    url = serializers.CharField()
    by = serializers.CharField(allow_null=True)
    at = serializers.DateTimeField()
    seed = serializers.IntegerField()
    code_version = serializers.CharField(allow_blank=True)
    options = serializers.DictField()
    dataset = ProvenDataSerializer()


class ProvenRecordedSerializer(serializers.Serializer[Any]):
    sequence = serializers.IntegerField()
    at = serializers.DateTimeField()
    actor = serializers.CharField()
    action = serializers.CharField()
    thing = serializers.CharField(allow_blank=True)
    hash = serializers.CharField()
    is_sound = serializers.BooleanField(help_text="Whether it fits its hash, checked anew.")
    was_checked = serializers.BooleanField(help_text="Whether the last check found it in place.")
    url = serializers.CharField()


class ProvenLastCheckSerializer(serializers.Serializer[Any]):
    state = serializers.ChoiceField(["failed", "whole", "broken"])
    at = serializers.DateTimeField()
    n_events = serializers.IntegerField()
    is_anchored = serializers.BooleanField()
    bad_sequence = serializers.IntegerField(allow_null=True)
    reason = serializers.CharField(allow_blank=True)


class ProvenEvidenceSerializer(serializers.Serializer[Any]):
    events = ProvenRecordedSerializer(many=True)
    check = ProvenLastCheckSerializer(
        allow_null=True, help_text="Null until the chain was checked."
    )


class ProofSerializer(serializers.Serializer[Any]):
    """What a decision rests on."""

    decision = ProvenDecisionSerializer()
    asked = ProvenAskedSerializer()
    model = ProvenModelSerializer()
    training = ProvenTrainingSerializer(allow_null=True)
    audit = ProvenEvidenceSerializer(allow_null=True, help_text="For those who may read the trail.")
