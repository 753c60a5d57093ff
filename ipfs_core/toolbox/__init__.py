"""CARs made of CARs: written, cut, joined, filtered, put in order, indexed, compared."""
