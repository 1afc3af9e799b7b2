"""The log as CloudEvents that can be published again."""
