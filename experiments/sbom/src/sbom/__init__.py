"""A CycloneDX software bill of materials of a fumehood environment."""
