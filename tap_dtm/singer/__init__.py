"""The Singer tap: streams, the schedule of a run, maps and the command. The only room that imports ``singer_sdk``.

May import every room but ``airbyte`` and ``views``.
"""
