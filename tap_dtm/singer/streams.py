"""The streams: declarations. What they share stands in ``base``, what they hold in the catalogue."""

from __future__ import annotations

from tap_dtm.singer.base import IdpStream, ListStream
from tap_dtm.singer.countries import CountryListStream
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


class PcodesStream(PcodeListStream):
    """OCHA's P-codes of the countries that are read."""

    name = "pcodes"


STREAMS = (CountriesStream, OperationsStream, IdpAdmin0Stream, IdpAdmin1Stream, IdpAdmin2Stream, PcodesStream)
