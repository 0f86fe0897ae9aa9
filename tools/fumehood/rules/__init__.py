"""What a repository's experiments owe each other and core: a module for each rule, behind one small protocol."""
