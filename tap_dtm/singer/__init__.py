"""The Singer tap: streams, the schedule of a run, maps and the command. The only room that imports ``singer_sdk``.

May import every room but ``airbyte`` and ``views``.

**Why one read of a country feeds three streams.** The answer of admin 0 is small, and it is an index of the two levels
below: its rows of an operation decide whether admin 1 and admin 2 are requested at all, and their answers are checked
against it. If each stream read its own index, a country would be requested three times, and DTM may publish between
these requests. The levels would be compared with different indexes, and the indexes of all countries would have to be
kept until the last stream. So the schedule (``schedule.Schedule``) decides once for each country what to read of which
level, and reads it once, ahead of the emission. The stream ``countries`` iterates the schedule. The SDK gives each of
its records to the child streams ``idp_admin0``, ``idp_admin1`` and ``idp_admin2``. These take the changes at their
level from the schedule, emit them, and advance their own bookmarks. A country that fails advances none of the three.

**Private and final parts of the SDK that are used here**, and the tests that fail if they change:

====================================== ================================================ ==============================
What                                   Why                                              Test
====================================== ================================================ ==============================
``Tap.sync_all`` (final)               there is no hook for the end of a run            tests/test_command_line.py
``_handle_termination``                a signal ends a run at once, with a sentence     tests/test_interruption.py
``_setup_signal_handlers``             inside another program signals are its business  tests/airbyte
``_validate_config``                   its messages repeat values, the key's too        tests/test_secrets.py
``_increment_stream_state``            bookmarks are whole rounds, not records          tests/test_histories.py
``_write_starting_replication_value``  a date is not where a stream goes on             tests/test_steady_state.py
``_write_activate_version_message``    it waits for the end, as a country may fail      tests/test_full_table.py
``_write_schema_message``              one for all countries                            tests/test_output.py
``_write_state_message``               one STATE for many countries and streams         tests/test_output.py
``helpers._catalog``                   what a map sees of a record must be checked      tests/guards/test_stream_maps.py
====================================== ================================================ ==============================

``tests/test_sdk_seam.py`` holds the table to the code.
"""
