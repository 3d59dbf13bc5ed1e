"""What Grafana knows of its classic form, as far as dashboards here use it: a closed JSON Schema.

Written after Grafana's own definitions in CUE: `kinds/dashboard`, the panels timeseries, stat, table and heatmap, the
Prometheus data source, and `packages/grafana-schema/src/common`. A key that Grafana does not know does nothing there,
and what those definitions ask for without a default must be said.
"""

from typing import Any

Form = dict[str, Any]

TEXT: Form = {"type": "string"}
FLAG: Form = {"type": "boolean"}
NUMBER: Form = {"type": "number"}
COLUMNS = 24


def closed(needed: str = "", /, **keys: Form) -> Form:
    """An object with these keys and no other; those of `needed`, by spaces, must be there."""
    return {"type": "object", "properties": keys, "required": needed.split(), "additionalProperties": False}


def whole(least: int = 0, most: int | None = None) -> Form:
    """A whole number."""
    return {"type": "integer", "minimum": least, **({} if most is None else {"maximum": most})}


def one_of(*values: object) -> Form:
    """One of these values."""
    return {"enum": list(values)}


def words(text: str) -> Form:
    """One of these words, by spaces."""
    return one_of(*text.split())


def several(form: Form) -> Form:
    """A list."""
    return {"type": "array", "items": form}


def by_name(form: Form) -> Form:
    """An object with any keys."""
    return {"type": "object", "additionalProperties": form}


def by_type(key: str, **forms: Form) -> Form:
    """An object whose form its `key` says."""
    chosen = [{"if": {"properties": {key: {"const": name}}}, "then": form} for name, form in forms.items()]
    return {"type": "object", "required": [key], "properties": {key: one_of(*forms)}, "allOf": chosen}


SOURCE = closed("type uid", type=words("prometheus grafana"), uid=TEXT)
PLACE = closed("x y w h", x=whole(0, COLUMNS - 1), y=whole(), w=whole(1, COLUMNS), h=whole(1))
UNIT = words("short none s ms percent percentunit bytes cps ops dateTimeAsIso")
COLOUR = closed(
    "mode",
    mode=words("thresholds palette-classic palette-classic-by-name fixed shades continuous-GrYlRd"),
    fixedColor=TEXT,
    seriesBy=words("min max last"),
)
TARGET = closed(
    "refId datasource expr",
    refId={"type": "string", "pattern": "^[A-Z]$"},
    datasource=SOURCE,
    expr={"type": "string", "minLength": 1},
    editorMode=words("code builder"),
    format=words("time_series table heatmap"),
    legendFormat=TEXT,
    interval=TEXT,
    **dict.fromkeys(("instant", "range", "exemplar", "hide"), FLAG),
)
FIRST_STEP = closed("color value", color=TEXT, value={"type": "null"})
THRESHOLDS = closed(
    "mode steps",
    mode=words("absolute percentage"),
    steps={
        "type": "array",
        "minItems": 1,
        "prefixItems": [FIRST_STEP],
        "items": closed("color value", color=TEXT, value=NUMBER),
    },
)
TEXTS = closed(
    "type options",
    type=words("value"),
    options=by_name(closed(text=TEXT, color=TEXT, icon=TEXT, index=whole())),
)
LINE_STYLE = closed(fill=words("solid dash dot square"), dash=several(NUMBER))
OVERRIDE = closed(
    "matcher properties",
    matcher=closed("id", id=words("byName byRegexp byType byFrameRefID"), options=TEXT),
    properties=several(
        by_type(
            "id",
            **{
                "color": closed("id value", id=TEXT, value=COLOUR),
                "unit": closed("id value", id=TEXT, value=UNIT),
                "custom.lineStyle": closed("id value", id=TEXT, value=LINE_STYLE),
                "custom.fillOpacity": closed("id value", id=TEXT, value=whole(0, 100)),
            },
        )
    ),
)
SCALE = closed("type", type=words("linear log ordinal symlog"), log=NUMBER, linearThreshold=NUMBER)
HIDDEN = closed("tooltip legend viz", tooltip=FLAG, legend=FLAG, viz=FLAG)
AXIS = {
    "axisPlacement": words("auto top right bottom left hidden"),
    "axisColorMode": words("text series"),
    "axisLabel": TEXT,
    "axisGridShow": FLAG,
    "axisCenteredZero": FLAG,
    "scaleDistribution": SCALE,
    **dict.fromkeys(("axisWidth", "axisSoftMin", "axisSoftMax"), NUMBER),
}
VISIBLE = words("auto never always")
LINES = closed(
    drawStyle=words("line bars points"),
    lineInterpolation=words("linear smooth stepBefore stepAfter"),
    lineStyle=LINE_STYLE,
    lineWidth=NUMBER,
    spanNulls={"type": ["boolean", "number"]},
    fillOpacity=whole(0, 100),
    gradientMode=words("none opacity hue scheme"),
    showPoints=VISIBLE,
    pointSize=NUMBER,
    stacking=closed(mode=words("none normal percent"), group=TEXT),
    thresholdsStyle=closed("mode", mode=words("off line dashed area line+area dashed+area series")),
    transform=words("constant negative-Y"),
    hideFrom=HIDDEN,
    **AXIS,
)
LEGEND = closed(
    "displayMode placement showLegend calcs",
    displayMode=words("list table hidden"),
    placement=words("bottom right"),
    showLegend=FLAG,
    calcs=several(TEXT),
    sortBy=TEXT,
    sortDesc=FLAG,
    width=NUMBER,
)
TOOLTIP = closed("mode sort", mode=words("single multi none"), sort=words("asc desc none"))
REDUCED = closed(
    "calcs",
    values=FLAG,
    limit=NUMBER,
    calcs=several(words("lastNotNull last firstNotNull first min max mean sum count range delta")),
    fields=TEXT,
)
NUMBERS = closed(
    "reduceOptions orientation",
    reduceOptions=REDUCED,
    orientation=words("auto vertical horizontal"),
    graphMode=words("none line area"),
    colorMode=words("value background background_solid none"),
    justifyMode=words("auto center"),
    textMode=words("auto value value_and_name name none"),
    text=closed(titleSize=NUMBER, valueSize=NUMBER),
)
TABLE = closed(
    frameIndex=whole(),
    showHeader=FLAG,
    cellHeight=words("sm md lg"),
    sortBy=several(closed("displayName", displayName=TEXT, desc=FLAG)),
)
HEATMAP = closed(
    "color yAxis exemplars",
    calculate=FLAG,
    color=closed(
        "scheme fill exponent steps reverse",
        mode=words("opacity scheme"),
        scheme=TEXT,
        fill=TEXT,
        scale=words("linear exponential"),
        exponent=NUMBER,
        steps=whole(2, 128),
        reverse=FLAG,
        min=NUMBER,
        max=NUMBER,
    ),
    filterValues=closed(le=NUMBER, ge=NUMBER),
    rowsFrame=closed(value=TEXT, layout=words("le ge unknown auto")),
    showValue=VISIBLE,
    cellGap=whole(0, 25),
    yAxis=closed(unit=TEXT, reverse=FLAG, decimals=NUMBER, min=NUMBER, max=NUMBER, **AXIS),
    legend=closed("show", show=FLAG),
    exemplars=closed("color", color=TEXT),
)


def panel(options: Form, custom: Form) -> Form:
    """A panel with options of its kind, and fields of its kind."""
    field = closed(
        displayName=TEXT,
        unit=UNIT,
        decimals=NUMBER,
        min=NUMBER,
        max=NUMBER,
        noValue=TEXT,
        mappings=several(TEXTS),
        thresholds=THRESHOLDS,
        color=COLOUR,
        custom=custom,
    )
    renamed = closed(excludeByName=by_name(FLAG), indexByName=by_name(whole()), renameByName=by_name(TEXT))
    return closed(
        "id type title gridPos targets options fieldConfig",
        id=whole(1),
        type=TEXT,
        title=TEXT,
        description=TEXT,
        transparent=FLAG,
        datasource=SOURCE,
        gridPos=PLACE,
        interval=TEXT,
        maxDataPoints=NUMBER,
        targets=several(TARGET),
        transformations=several(closed("id options", id=words("organize"), options=renamed)),
        options=options,
        fieldConfig=closed("defaults overrides", defaults=field, overrides=several(OVERRIDE)),
    )


PANEL = by_type(
    "type",
    row=closed(
        "id type title gridPos collapsed panels",
        id=whole(1),
        type=TEXT,
        title=TEXT,
        collapsed=FLAG,
        gridPos=PLACE,
        panels={"type": "array", "maxItems": 0},
    ),
    timeseries=panel(closed("legend tooltip", legend=LEGEND, tooltip=TOOLTIP, timezone=several(TEXT)), LINES),
    stat=panel(NUMBERS, closed()),
    table=panel(TABLE, closed(width=NUMBER, align=words("auto left right center"), inspect=FLAG)),
    heatmap=panel(HEATMAP, closed(hideFrom=HIDDEN, scaleDistribution=SCALE)),
)
CHOSEN = {"type": ["string", "array"]}
VARIABLE = {
    "type": TEXT,
    "name": TEXT,
    "label": TEXT,
    "description": TEXT,
    "hide": one_of(0, 1, 2),
    "regex": TEXT,
    "multi": FLAG,
    "includeAll": FLAG,
    "allValue": TEXT,
    "current": closed("text value", selected=FLAG, text=CHOSEN, value=CHOSEN),
}
VARIABLES = by_type(
    "type",
    datasource=closed("name query hide", **VARIABLE, query=words("prometheus")),
    query=closed(
        "name query datasource refresh hide",
        **VARIABLE,
        query=closed("query refId", query=TEXT, refId=TEXT),
        datasource=SOURCE,
        definition=TEXT,
        refresh=one_of(0, 1, 2),
        sort=whole(0, 8),
    ),
)
ANNOTATION = closed(
    "name datasource enable iconColor",
    builtIn=one_of(0, 1),
    name=TEXT,
    datasource=SOURCE,
    enable=FLAG,
    hide=FLAG,
    **dict.fromkeys(("iconColor", "type", "expr", "step", "titleFormat", "textFormat", "tagKeys"), TEXT),
)
LINK = closed(
    "title type icon tooltip url tags",
    title=TEXT,
    type=words("link dashboards"),
    icon=TEXT,
    tooltip=TEXT,
    url=TEXT,
    tags=several(TEXT),
    **dict.fromkeys(("asDropdown", "targetBlank", "includeVars", "keepTime"), FLAG),
)
DASHBOARD = closed(
    "uid title schemaVersion panels templating annotations time editable graphTooltip",
    uid={"type": "string", "pattern": "^[a-zA-Z0-9_-]{8,40}$"},
    title={"type": "string", "minLength": 1},
    description=TEXT,
    tags=several(TEXT),
    schemaVersion=whole(36, 41),
    version=whole(1),
    editable=FLAG,
    graphTooltip=one_of(0, 1, 2),
    refresh={"type": "string", "pattern": "^[0-9]+[smhd]$"},
    time=closed("from to", **{"from": TEXT, "to": TEXT}),
    timezone=words("browser utc"),
    links=several(LINK),
    annotations=closed("list", list=several(ANNOTATION)),
    templating=closed("list", list=several(VARIABLES)),
    panels=several(PANEL),
)
