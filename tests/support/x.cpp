namespace plimsoll::test { int unused_support = 0; }
