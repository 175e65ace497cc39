"""The smallest assistant: says back what was written."""

from conserje import Assistant, Nothing, Reply, Text, Turn, plain


class Echo(Assistant[Nothing, Nothing, Nothing]):
    """Says back what was written, a burst as one message."""

    name = "echo"
    contract = 1
    Credentials = Nothing
    Settings = Nothing
    Operator = Nothing

    async def reply(self, turn: Turn[Nothing, Nothing]) -> Reply:
        written = "\n".join(plain(message.content) for message in turn.messages).strip()
        return Reply((Text(written),) if written else ())
