"""Incidents: failures that took groups from where they ran, followed until every group is settled again."""
