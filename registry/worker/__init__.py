"""The camera process: it leases cameras, runs them through `registry.streams`, and tells what they see.

`work(settings)` is the process. Streams, models and records meet here and nowhere else; what is heavy is imported when
the first camera needs it.
"""
