"""Bringing in what has splits already: image folders, and the exports of a site like this."""
