"""The streams: declarations. What they share stands in ``base``, what they hold in the catalogue.

A country's children deliver in the order of this list: ``runs`` says what came of the others.
"""

from __future__ import annotations

from tap_dtm.singer.base import ListStream
from tap_dtm.singer.countries import CountryListStream
from tap_dtm.singer.figures import IdpStream
from tap_dtm.singer.history import HistoryStream, RunStream
from tap_dtm.singer.pcodes import PcodeListStream


class CountriesStream(CountryListStream):
    """The countries of DTM, and the order in which everything else is read."""

    name = "countries"


class OperationsStream(ListStream):
    """The operations of DTM."""

    name = "operations"


class IdpAdmin0Stream(IdpStream):
    """IDP figures by country; also the index of the levels below."""

    name = "idp_admin0"
    level = 0
    parent_stream_type = CountriesStream


class IdpAdmin1Stream(IdpStream):
    """IDP figures by Admin 1 area."""

    name = "idp_admin1"
    level = 1
    parent_stream_type = CountriesStream


class IdpAdmin2Stream(IdpStream):
    """IDP figures by Admin 2 area."""

    name = "idp_admin2"
    level = 2
    parent_stream_type = CountriesStream


class IdpAdmin0HistoryStream(HistoryStream):
    """What DTM said of IDPs by country."""

    name = "idp_admin0_history"
    level = 0
    parent_stream_type = CountriesStream


class IdpAdmin1HistoryStream(HistoryStream):
    """What DTM said of IDPs by Admin 1 area."""

    name = "idp_admin1_history"
    level = 1
    parent_stream_type = CountriesStream


class IdpAdmin2HistoryStream(HistoryStream):
    """What DTM said of IDPs by Admin 2 area."""

    name = "idp_admin2_history"
    level = 2
    parent_stream_type = CountriesStream


class RunsStream(RunStream):
    """The runs, as far as they concern a country."""

    name = "runs"
    parent_stream_type = CountriesStream


class PcodesStream(PcodeListStream):
    """OCHA's P-codes of the countries that are read."""

    name = "pcodes"


STREAMS = (
    CountriesStream,
    OperationsStream,
    IdpAdmin0Stream,
    IdpAdmin1Stream,
    IdpAdmin2Stream,
    IdpAdmin0HistoryStream,
    IdpAdmin1HistoryStream,
    IdpAdmin2HistoryStream,
    RunsStream,
    PcodesStream,
)
