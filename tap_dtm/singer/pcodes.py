"""OCHA's P-codes as a list that is not DTM's: where it fails, the figures are loaded all the same."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from singer_sdk.singerlib.catalog import Metadata
from typing_extensions import override

from tap_dtm.api.pcodes import SETTING, is_set
from tap_dtm.errors import DtmAnswerError, DtmError
from tap_dtm.singer.base import ListStream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.singerlib import MetadataMapping

    from tap_dtm.exact.bookmarks import Key

_WHAT_TO_SET = (
    "the setting pcodes is not set. Set it to the path or the URL of OCHA's global P-code list "
    "(https://data.humdata.org/dataset/global-pcodes), or to sandbox:// for invented codes"
)


class PcodeListStream(ListStream):
    """The P-codes of the countries that this run reads. Those of other countries stay as they are.

    Every run sends them again. What leaves the list is tombstoned, but for whole countries: a list that lacks one is
    taken for damaged, until the operator accepts it.
    """

    is_long = True

    @property
    @override
    def metadata(self) -> MetadataMapping:
        """The metadata of the catalog, in which the stream can be selected where there is a list to read.

        Meltano selects every stream of a catalog that it makes, so without the setting such a catalog has this one as
        unsupported.
        """
        metadata = super().metadata
        if root := metadata.get(()):
            if is_set(self.config):
                root.inclusion = Metadata.InclusionType.AVAILABLE
            elif self._tap_input_catalog is None:
                root.inclusion = Metadata.InclusionType.UNSUPPORTED
        return metadata

    def check_setting(self) -> None:
        """Check that there is a list to read, if one is wanted.

        Raises:
            DtmError: The catalog selects the stream, and the setting is not set.
        """
        has_list = is_set(self.config)
        if self.selected and not has_list:
            raise DtmError(f"The catalog selects the stream {self.name}, and {_WHAT_TO_SET}; or deselect the stream.")
        if has_list and not self.selected:
            self.logger.info("The setting %s has no effect, because no catalog selects the stream.", SETTING)
        if not has_list and (root := self.metadata.get(())) and root.selected:
            self.logger.info("The stream %s is left out: %s.", self.name, _WHAT_TO_SET)

    @override
    def get_records(self, context: Context | None) -> Iterator[Record]:
        """Yield the list, then tombstones for what has left it; nothing if the list cannot be taken."""
        if not is_set(self.config):
            return  # the SDK's connection test asks every stream
        try:
            self._check_countries()
        except DtmError as error:
            self.logger.error("%s failed and keeps its rows: %s", self.name, error)  # noqa: TRY400  it is foreseen
            self.schedule.lists.fail(self.name, error)
            self._has_failed = True
            return
        yield from super().get_records(context)

    _has_failed = False

    @cached_property
    def _wanted(self) -> frozenset[str]:
        return frozenset(self.schedule.wanted)

    def _check_countries(self) -> None:
        settings = self.schedule.settings
        listed = {row["admin0_pcode"] for row in self.schedule.lists.rows(self.name)}
        known = {code for code, _ in self.known_keys}
        lost = sorted((known & self._wanted) - listed - settings.accept_withdrawn_countries)
        if lost:
            raise DtmAnswerError(
                f"OCHA's P-code list has no code of {', '.join(lost)} any more, and the codes that were loaded before "
                f"stay. If that is right, add {lost[0]} to accept_withdrawn_countries."
            )

    @property
    @override
    def is_complete(self) -> bool:
        """Whether the list was read and sent."""
        return not self._has_failed and super().is_complete

    @override
    def may_remove(self, key: Key) -> bool:
        """Whether a code that is gone is tombstoned: those of countries that this run does not read are kept."""
        return key[0] in self._wanted

    @property
    @override
    def left_out(self) -> set[str]:
        """The countries whose codes are kept."""
        return {code for code, _ in self.known_keys} - self._wanted
