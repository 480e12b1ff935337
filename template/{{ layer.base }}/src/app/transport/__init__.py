"""How clients reach the features."""
