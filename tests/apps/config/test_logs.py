"""What the logs say, and what they never say."""

import logging
import logging.config

import pytest

from apps.config.logs import logging_config


@pytest.mark.parametrize("json", [True, False])
def test_a_traceback_in_the_log_shows_no_values_of_variables(json: bool) -> None:
    lines = logging_config(json=json, level="INFO")["formatters"]["line"]
    logging_of_one = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": lines},
    }
    configurator = logging.config.DictConfigurator(logging_of_one)
    formatter = configurator.configure_formatter(configurator.config["formatters"]["line"])
    card_number = "4111" + "0000" * 3

    try:
        float("no number" if card_number else "1")
    except ValueError as error:
        info = (type(error), error, error.__traceback__)
    record = logging.LogRecord("assay", logging.ERROR, __file__, 1, "failed", (), info)

    text = formatter.format(record)
    assert "ValueError" in text
    assert card_number not in text
