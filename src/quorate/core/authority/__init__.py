"""Who may run resources, and when a group may change hands (design §4): the lease, marks, verdicts, forming."""
