"""How the trail is searched."""

from django import forms


class TrailFilter(forms.Form):
    action = forms.CharField(max_length=64, required=False)
    actor = forms.CharField(label="Person", max_length=100, required=False)
