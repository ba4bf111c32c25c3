from emulator.core.values import *
import json
def parse(text, reviver=None):
    def bad(x): raise ValueError(x)
    try: v=json.loads(text, object_pairs_hook=lambda p: JsObject(dict(p)), parse_float=lambda s: float(s), parse_int=lambda s: int(s) if abs(int(s))<2**53 else float(s), parse_constant=bad)
    except ValueError as e: raise JsException("SyntaxError", str(e))
    def fix(v):
        if v is None: return jsnull
        if isinstance(v,list): return JsArray([fix(x) for x in v])
        if isinstance(v,JsObject):
            for k,x in v._members.items(): v._members[k]=fix(x)
        return v
    return fix(v)
def stringify(v, *a):
    if v is None: return None
    if v is jsnull: return "null"
    if isinstance(v,bool): return "true" if v else "false"
    if isinstance(v,(int,float)): return number_to_string(v)
    if isinstance(v,str): return json.dumps(v, ensure_ascii=False)
    if isinstance(v,JsArray): return "["+",".join(stringify(x) or "null" for x in v._items)+"]"
    if isinstance(v,PyProxy): return json.dumps(v._object,separators=(",",":"))
    return "{"+",".join(json.dumps(k,ensure_ascii=False)+":"+stringify(x) for k,x in v._own().items() if x is not None)+"}"
