"""`make soak`: does anything grow while the whole stack stands idle for an hour, or works through a constant feed for one?"""
