"""The predictor: answers predictions from memory, without Django, without TensorFlow, without SQL.

http          bytes to exchanges and back (uvloop, llhttp); knows nothing of models
protocols     one thin module a protocol family: what a body means, what an answer looks like
admission     who may ask for what, and how much of it: keys, passes, limits
endpoints     what the platform published: routes, split over versions, kept fresh
models        artifacts in memory: verified, proved on their golden rows, warmed, batched
usage         calls counted, and told to the platform about once a second
redis_link    the only part that speaks to Redis; everything else works on without it
server        puts the parts together, starts and drains them
"""
