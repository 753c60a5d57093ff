"""Every case of `vectors/`, through the library and the command line. Nothing expected here is ours."""
