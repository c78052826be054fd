"""Seedcast's lines of JSON: serve(evaluate) calls evaluate(parameters, request) for each member and answers its number."""
import array, base64, json, sys

def decode(value):  # a list, or little-endian bytes with their type
    if isinstance(value, list): return value
    return array.array({"float32": "f", "float64": "d", "int8": "b"}[value["dtype"]], base64.b64decode(value["base64"]))

def score(evaluate, member, request):
    parameters = {name: decode(value) for name, value in member["parameters"].items()}
    try: return {"value": float(evaluate(parameters, {**request, **member, "parameters": None}))}
    except Exception as error: return {"error": f"{type(error).__name__}: {error}"}

def serve(evaluate):
    for line in sys.stdin:
        request = json.loads(line)
        members = request.pop("members", None)
        if members is None: answer = score(evaluate, request, request)
        else: answer = {"values": [one.get("value", one) for one in (score(evaluate, member, request) for member in members)]}
        print(json.dumps({"id": request["id"], **answer}), flush=True)
