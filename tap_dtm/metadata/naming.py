"""The one rule that turns the API's field names into column names."""

from __future__ import annotations

import re

# Between a small letter or digit and a capital (admin1|Pcode), and before the last capital of a run
# that starts a new word (IDP|Origin).
_WORD_BOUNDARY = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def api_name_to_snake(name: str) -> str:
    """Return the column name of one of the API's camelCase field names.

    Postgres folds unquoted names to lower case, so camelCase columns would need quotes in every query.

    >>> api_name_to_snake("idpOriginAdmin1Pcode")
    'idp_origin_admin1_pcode'
    """
    return _WORD_BOUNDARY.sub("_", name).lower()
