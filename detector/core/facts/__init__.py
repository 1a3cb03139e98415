"""Usage events in, what they say out: stores that merge in any order, are bounded, and answer as of any time t.

A store keeps events by (timestamp, id), never by arrival, so every order of the same events gives the same answers. What a
bound made it forget is counted, and the answer then says "at least".
"""
