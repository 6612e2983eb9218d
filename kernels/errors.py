"""The errors that the numbers themselves raise; `ml_core.errors` hands them on."""


class AssayError(Exception):
    """Base of every error that the product raises on purpose."""


class DeviceError(AssayError):
    """A device that was asked for and is not there."""
