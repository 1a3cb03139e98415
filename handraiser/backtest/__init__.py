"""`handraiser rules backtest`: what is played and against what; and the table, the document and the page that come of it."""
