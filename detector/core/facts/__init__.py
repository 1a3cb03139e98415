"""Usage events in, what they say out: stores that merge in any order, are bounded, and answer as of any time t.

A store keeps events by (timestamp, id), never by arrival, so every order of the same events gives the same answers.
One thing follows the log instead: beyond their bounds, people leave by when they were last seen. What a bound made a store
forget is counted, and the answer then says "at least".
"""
