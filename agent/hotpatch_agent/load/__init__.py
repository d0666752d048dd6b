"""A load generator that accounts for every request: HTTP/1.1 over plain sockets, in a process of its own.

A request that was sent is answered, or it is dropped; nothing is ever sent a second time.  Answers are judged
by the traffic that asked, against the phase (`phases`) in which the request was under way.
"""
