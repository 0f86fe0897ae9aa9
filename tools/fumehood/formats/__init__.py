"""What a check found, for people and for programs: pure functions from an answer to text.

All of them sort, and none of them looks at a clock, a terminal or the environment. Another format is one module here
and one line in `registry.FORMATS`.
"""
