"""The settings: what they default to, what they mean, and what is said of wrong ones."""

from __future__ import annotations

from typing import Any

import pytest

from tap_dtm.errors import DtmAccessError, DtmError
from tap_dtm.settings import KEY_SETTINGS, KEY_VARIABLE, KEY_VARIABLES, SECONDARY_KEY_VARIABLE, SETTINGS, Settings

KEY = "k3y-00112233445566778899aabbccddeeff"


@pytest.fixture(autouse=True)
def _no_key_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*KEY_VARIABLES, SECONDARY_KEY_VARIABLE):
        monkeypatch.delenv(name, raising=False)


def settings(**config: Any) -> Settings:
    return Settings.from_config({"subscription_key": KEY, **config})


class TestTheKey:
    def test_comes_from_the_setting(self) -> None:
        assert settings().subscription_key == KEY

    def test_comes_from_the_official_client_s_variable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(KEY_VARIABLE, "from-the-environment")
        assert Settings.from_config({}).subscription_key == "from-the-environment"
        assert Settings.from_config({"subscription_key": None}).subscription_key == "from-the-environment"
        assert Settings.from_config({"subscription_key": ""}).subscription_key == "from-the-environment"

    def test_comes_from_the_variables_of_iom_s_clients_for_r(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DTM_SUBSCRIPTION_KEY", "third")
        assert Settings.from_config({}).subscription_key == "third"
        monkeypatch.setenv("BASELINE_DTM_SUBSCRIPTION_KEY", "second")
        assert Settings.from_config({}).subscription_key == "second"
        monkeypatch.setenv(KEY_VARIABLE, "first")
        assert Settings.from_config({}).subscription_key == "first"

    def test_of_the_setting_comes_first(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(KEY_VARIABLE, "from-the-environment")
        assert settings().subscription_key == KEY

    @pytest.mark.parametrize("config", [{}, {"subscription_key": None}, {"subscription_key": ""}])
    def test_is_needed(self, config: dict[str, Any]) -> None:
        with pytest.raises(DtmAccessError) as caught:
            Settings.from_config(config)
        assert str(caught.value).startswith("No subscription key for the DTM API. Register at https://")
        assert KEY_VARIABLE in str(caught.value)
        assert str(caught.value).endswith("To try the tap without a key, on invented data, set api_url to sandbox://")

    def test_is_not_needed_for_invented_data(self) -> None:
        assert Settings.from_config({"api_url": "sandbox://"}).is_sandbox

    @pytest.mark.parametrize("key", [f"{KEY}\n", f" {KEY}", f"{KEY[:9]} {KEY[9:]}", f"{KEY}\x00", f"{KEY}é", "\u200b"])
    def test_that_was_copied_badly_is_refused_without_being_shown(self, key: str) -> None:
        with pytest.raises(DtmAccessError, match="subscription_key has blanks or characters that no key has") as caught:
            settings(subscription_key=key)
        assert KEY[:9] not in str(caught.value)

    def test_may_have_a_second(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert settings(secondary_subscription_key="second").secondary_subscription_key == "second"
        monkeypatch.setenv(SECONDARY_KEY_VARIABLE, "from-the-environment")
        assert settings().secondary_subscription_key == "from-the-environment"
        assert settings(secondary_subscription_key="").secondary_subscription_key == "from-the-environment"
        assert settings(secondary_subscription_key="second").secondary_subscription_key == "second"

    def test_a_second_that_was_copied_badly_is_refused_without_being_shown(self) -> None:
        with pytest.raises(DtmAccessError, match="The setting secondary_subscription_key has blanks") as caught:
            settings(secondary_subscription_key=f"{KEY[::-1]} ")
        assert KEY[::-1] not in str(caught.value)


class TestDefaults:
    def test_are_those_of_the_schema(self) -> None:
        """What --about tells is what happens."""
        schema = SETTINGS
        in_effect = settings()
        for name, declared in schema.items():
            if "default" in declared:
                assert getattr(in_effect, name) == declared["default"], name

    def test_of_all_others_are_not_set(self) -> None:
        in_effect = settings()
        unset = {"secondary_subscription_key", "countries", "operations", "start_date", "end_date"}
        assert all(getattr(in_effect, name) is None for name in unset)
        assert in_effect.accept_withdrawn_countries == frozenset()
        assert in_effect.user_agent.startswith("tap-dtm/")

    def test_stand_for_empty_values_too(self) -> None:
        """Environments hand on empty strings and lists for what was not set."""
        empty = settings(api_url="", countries=[], operations=[], start_date="", end_date="", user_agent="")
        assert empty == settings()
        assert settings(countries="", operations=" ", accept_withdrawn_countries="") == settings()

    @pytest.mark.parametrize("name", ["countries", "operations", "accept_withdrawn_countries"])
    @pytest.mark.parametrize("value", [[""], ["XAA", " "], '[""]'])
    def test_do_not_stand_for_empty_entries(self, name: str, value: object) -> None:
        with pytest.raises(DtmError, match=f"The setting {name} has an empty entry"):
            settings(**{name: value})

    def test_stand_for_nulls_too(self) -> None:
        """The schema allows them."""
        assert settings(**dict.fromkeys(set(SETTINGS) - {"subscription_key"})) == settings()

    def test_each_setting_has_a_place(self) -> None:
        assert set(SETTINGS) == set(Settings.__dataclass_fields__)

    def test_each_setting_is_described(self) -> None:
        for name, declared in SETTINGS.items():
            assert declared["title"], name
            assert declared["description"].rstrip().endswith("."), name

    def test_the_keys_alone_are_secret(self) -> None:
        secrets = [name for name, declared in SETTINGS.items() if declared.get("secret")]
        assert secrets == ["subscription_key", "secondary_subscription_key"] == list(KEY_SETTINGS)


class TestCountries:
    def test_are_codes_in_upper_case_each_once_in_order(self) -> None:
        assert settings(countries=["sdn", "HTI ", "Sdn"]).countries == ("SDN", "HTI")

    def test_that_are_accepted_as_withdrawn_are_so_too(self) -> None:
        assert settings(accept_withdrawn_countries=["sdn", " hti"]).accept_withdrawn_countries == {"SDN", "HTI"}

    @pytest.mark.parametrize("value", ["sdn,HTI", "sdn, HTI", '["sdn", "HTI"]', ' ["sdn","HTI"]'])
    def test_may_be_text_as_environments_have_it(self, value: str) -> None:
        assert settings(countries=value).countries == ("SDN", "HTI")

    def test_that_are_half_a_list_are_refused(self) -> None:
        with pytest.raises(DtmError, match=r"The setting countries is not a valid JSON list .* write it as"):
            settings(countries='["SDN", ')

    @pytest.mark.parametrize("value", ["Invented Survey, Border & Coast", '["Invented Survey, Border & Coast"]'])
    def test_an_operation_may_have_a_comma(self, value: str) -> None:
        assert settings(operations=value).operations == frozenset({"Invented Survey, Border & Coast"})

    def test_operations_keep_their_case(self) -> None:
        assert settings(operations=["Invented Monitoring"]).operations == frozenset({"Invented Monitoring"})


class TestWholeNumbers:
    @pytest.mark.parametrize(("text", "number"), [("3", 3), (" 3 ", 3), ("", 5), (" ", 5)])
    def test_may_be_text_as_environments_have_it(self, text: str, number: int) -> None:
        """Meltano fails on an empty variable of a number, without naming the setting: it hands on text."""
        assert settings(max_retries=text).max_retries == number

    @pytest.mark.parametrize("text", ["many", "-1", "101", "1.5", "1_0", "\uff11"])
    def test_outside_the_bounds_are_refused(self, text: str) -> None:
        with pytest.raises(DtmError, match=r"The setting max_retries is .*: write a whole number from 0 to 100"):
            settings(max_retries=text)


class TestDates:
    def test_are_written_in_one_form(self) -> None:
        assert settings(start_date="2024-02-29", end_date="2024-02-29").start_date == "2024-02-29"

    @pytest.mark.parametrize("name", ["start_date", "end_date"])
    @pytest.mark.parametrize(
        "value",
        [
            "2023-02-29", "2023-13-01", "29/02/2024", "01/06/2022", "2024", "yesterday", "2022-06-0199", "2022-W01-1",
            "2022-06", "20220601", "2024-02-29T00:00:00", "2024-02-29T00:00:00Z", " 2024-02-29", "\uff12022-06-30",
        ],
    )  # fmt: skip
    def test_in_any_other_form_are_refused(self, name: str, value: str) -> None:
        with pytest.raises(DtmError) as caught:
            settings(**{name: value})
        assert str(caught.value) == f"The setting {name} is {value!r}, not a valid date: write it as YYYY-MM-DD."

    def test_that_have_not_come_yet_begin_nothing(self) -> None:
        with pytest.raises(DtmError, match=r"start_date \(2204-01-01\) is in the future: every row would be removed"):
            settings(start_date="2204-01-01")

    def test_in_the_wrong_order_are_refused(self) -> None:
        with pytest.raises(DtmError, match=r"start_date \(2024-01-02\) is after end_date \(2024-01-01\): swap them"):
            settings(start_date="2024-01-02", end_date="2024-01-01")

    def test_may_be_the_same_day(self) -> None:
        assert settings(start_date="2024-01-01", end_date="2024-01-01").end_date == "2024-01-01"


class TestApiUrl:
    @pytest.mark.parametrize(
        ("url", "meant"),
        [
            ("https://dtmapi.iom.int/", "https://dtmapi.iom.int"),
            ("https://proxy.example.org/dtm/", "https://proxy.example.org/dtm"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://localhost:8080/", "http://localhost:8080"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("sandbox://?publication=2", "sandbox://?publication=2"),
        ],
    )
    def test_is_kept_without_a_slash_at_its_end(self, url: str, meant: str) -> None:
        assert settings(api_url=url).api_url == meant

    @pytest.mark.parametrize(
        "url",
        [
            "dtmapi.iom.int",
            "ftp://dtmapi.iom.int",
            "https://",
            "https://dtmapi.iom.int?subscription-key=1",
            "https://dtmapi.iom.int#top",
            "https://user:password@dtmapi.iom.int",
            "https://dtmapi.iom.int:port",
            "https://dtmapi.iom.int:99999",
            "http://[::1",
        ],
    )
    def test_of_another_form_is_refused(self, url: str) -> None:
        with pytest.raises(DtmError) as caught:
            settings(api_url=url)
        assert str(caught.value) == (
            "The setting api_url must look like https://dtmapi.iom.int or sandbox://, without parameters."
        )

    @pytest.mark.parametrize("host", ["dtmapi.iom.int", "10.0.0.1", "127.0.0.1.example.org", "localhost.example.org"])
    def test_never_sends_the_key_in_the_clear(self, host: str) -> None:
        with pytest.raises(DtmError, match=f"would send the key unencrypted to {host}: use https://"):
            settings(api_url=f"http://{host}")


class TestUserAgent:
    def test_is_taken_as_it_is(self) -> None:
        assert settings(user_agent="Invented Ministry (data@example.org)").user_agent.startswith("Invented Ministry")

    @pytest.mark.parametrize("agent", ["Ministère", "one\r\nInvented-Header: two", "tab\t"])
    def test_holds_only_what_http_carries(self, agent: str) -> None:
        with pytest.raises(DtmError, match="user_agent has characters that are not allowed in HTTP"):
            settings(user_agent=agent)
