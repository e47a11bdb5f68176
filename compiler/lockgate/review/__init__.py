"""What a change of policies comes to, for the people who review it.

``policy_set`` is what is compared, ``reachability`` who reaches whom in it, ``difference``
what is not the same in two of them; ``workloads`` gives groups of pods their names.
"""
