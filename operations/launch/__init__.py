"""`make up`: preflight, certificate, broker, database, then every process under one supervisor.

Nothing here imports Django when it is imported, for a start has to be quick; the part that needs Django
(`first_run`) runs in a process of its own that ends before the site starts.
"""
