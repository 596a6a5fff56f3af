"""Many domains in one run: the list, the order of the visits, and who is fed the results.

Nothing here judges: each domain has the Survey, the rooms, the contexts and the summary of a run
of its own. What is here knows which visit may begin, and what is asked once for all.
"""
