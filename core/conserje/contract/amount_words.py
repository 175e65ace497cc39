"""The words around amounts, without accents, in Spanish, Portuguese and English."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


UNITS = _words(
    """
    g gr grs gramos gramas kg kgs kilo kilos ml cc l lt lts litro litros m mt mts metro metros cm mm km
    w watt watts kw lm lumenes lumens mah ah v volt volts rpm dpi btu ppm hz ghz mhz gb tb mb hora horas
    h hrs hr min minutos dia dias semana semanas mes meses ano anos cliente clientes persona personas
    pessoas people seguidores usuarios semillas sementes seeds unidades unidade unidad units paginas
    hojas hilos puntos puntadas veces vueltas ciclos lavados palabras pasos piezas pecas kcal calorias
    kelvin grados pulgada pulgadas inch inches velocidades talla c f x gracias disculpas perdones
    maneras formas
    """
)
STRONG = _words(
    """
    cuesta cuestan vale valen sale salen precio precios total totales subtotal custa custam costs cost
    price quedan queda seria serian suma suman preco valor cobramos pagas pagarias pagar
    """
)
LINKS = _words(
    """
    es son de a por en el la un solo los las te le les esta estan seria serian is are for at o os as r
    to of : = → - – ( * total final
    """
)
LISTED = _words(": = → – - |")
REFERENCES = _words(
    """
    rut run ruc tel telefono fono celular whatsapp wsp n nro num numero no pedido orden folio boleta
    factura codigo cod sku ref cnpj cpf cep order phone code av avenida calle pasaje km depto local
    oficina id tracking seguimiento guia patente registro resolucion
    """
)
PER_CENT = _words("ciento cento cent cien")
STOCK_VERBS = _words(
    """
    quedan queda quedando hay tenemos tengo restam resta temos left have stock estoque disponibles
    disponible disponiveis available inventario existencias ultimas ultimos ultima only contamos
    """
)
STOCKED = _words(
    """
    unidades unidad unidade units unit disponibles disponible disponiveis disponivel available stock
    estoque left piezas ejemplares unids und uds restantes
    """
)
LEFT = _words("quedan restam ultimas ultimos ultimos")
FREE = _words(
    """
    gratis gratuito gratuita gratuitos gratuitas gratuitamente complimentary bonificado regalada regalado
    regaladas regalados
    """
)
COSTS = _words("costo costos cargo cargos custo custos coste cobro charge cost")
WITHOUT = _words("sin sem no without cero zero free")
NOT_FREE = _words("feel gluten sugar fat lactose cruelty smoke risk hands duty stress")
AFTER_FREE = _words("to time range from trial")
NOT = _words("no nao not sin ni nunca tampoco never cannot don nem sem ningun ninguna jamas")
NO_MATTER = _words("problema problem drama duda dudas preocupes preocupe worry falta embargo")
UNSURE = _words(
    """
    consultar consulto consulte averiguar averiguo preguntar pregunto verificar depende
    """
)
WHETHER = _words("saber confirmo confirmar sobre ver verifico know check confirm confirmarte")
IF = _words("si if se whether")
TURNS = _words(", : pero but sino mas —")
ABOUT = _words(
    """
    unos unas casi cerca aprox aproximadamente alrededor about around almost roughly quase uns umas
    bordea como menos bajo hasta under over below less more entre between ate ~ approx
    """
)
DIFFERENCE = _words(
    """
    away short pasa pasas pasan sobraria sobrarian recargo falta faltan faltaria faltarian faltam sobra
    sobran sobram vuelto cambio troco diferencia diferenca difference ahorras ahorrando ahorro ahorrar
    economiza save saves saving caro cara caros baratos barato barata cheaper expensive agregas agregar
    agregando sumas quedan quedarian restante saldo left add change descontamos descontando descuenta
    descuentan descontado parte
    """
)
DIVIDED = _words(
    """
    cuota cuotas parcelas parcela instalments installments cada c each unidad unidade unit persona
    pessoa vezes veces payment payments porcion porciones racion taza vaso slice slices serving
    portion porcao fatia per mensual mensuales mes uno una promedio par gramo kilo litro pago pagos
    pagamentos parte partes partidos abono abonos individual
    """
)
BUDGET = _words(
    """
    hasta menos bajo con entre presupuesto under less than ate within para dentro tus tu your budget
    orcamento maximo tope tienes tenes rango alcanza with com seu sua pagas
    """
)
PROMISE = _words(
    """
    igualo igualamos cuesta cuestan vale valen sale salen precio pagamos pagaremos regalamos abonamos
    ofrecemos ofrezco sai saem fica dejo dejamos queda descuento descuentos rebaja oferta dcto costs
    cost price discount deal custa custam preco desconto off hecho trato acuerdo acepto aceptamos
    confirmo confirmado cobramos cobro aplico aplicamos hago hacemos doy damos devolvemos devolveremos
    reembolso refund reembolsamos faco fazemos done agreed accept sera seria total listo ok
    """
)
REDUCED = _words(
    "descuento descuentos desconto discount off dcto rebaja rebajado dscto menos cupon cupom coupon promo"
    " promocion"
)
SURCHARGED = _words("recargo recargos adicional extra mas surcharge acrescimo taxa fee more")
TOTALS = _words("total totales suman suma juntos together altogether")
TOGETHER = _words("together both total ambos ambas juntos juntas dos dois duas two suma suman")
EACH = _words("cada el la por c / per each o un una unidad unidade kilo metro al mensual mensuales")
OF_ONE = _words("por per cada c / each el la o a un una um uma an for")
EACH_KILO = _words("cada kilo kg litro metro gramos unidad unidade porcion per each")
GIVES = _words("va van llevas lleva dejo dejamos")
FOR = _words("x × por for")
OF_WHAT = _words("( de del la el los las por para of for do da")
OF_A_PART = _words("g gr grs gramo gramos grama gramas ml cc")
OF_A_WHOLE = _words("kilo kg kilos quilo litro lt l liter litre")
DOZENS = _words("docena docenas duzia duzias dozen dozens")
FEES = _words("despacho despachos envio envios reparto entrega delivery shipping frete flete")
DELIVERY = FEES | _words("despachamos enviamos repartos repartimos entregamos ship ships domicilio")
NO_PRICE_OF = _words(
    """
    , con mas + y e and plus with com incluye incluido incluida including total totales for
    queda quedas quedan quedaria seria serian son suma suman pagas pagarias todo = → desde sobre gratis
    sin fica ficam dao superas over above acima from
    """
)
OF = {
    "es": _words("el los las del con una son tienes puedes"),
    "pt": _words("nao voce com uma sao fica custa mas"),
    "en": _words("the you is are and with for of it in to at we your"),
}
PERIODS = {
    **dict.fromkeys(_words("ano anual anuales anuais year yearly"), (12,)),
    **dict.fromkeys(_words("mes mensual mensuales month monthly"), (4, 30)),
    **dict.fromkeys(_words("semana semanal week weekly"), (7,)),
    **dict.fromkeys(_words("finde fin weekend"), (2,)),
    "trimestre": (3,), "trimestral": (3,), "semestre": (6,), "semestral": (6,), "quincena": (15,),
}  # fmt: skip
PER = _words("por per cada each")
ORDINALS = _words(
    "segundo segunda tercer tercera tercero cuarta cuarto second third fourth terceira terceiro"
)
TELLS_NOTHING = _words(
    """
    con por los las del desde para una uno que hay mas menos com the and for with off sobre descuento
    descuentos desconto discount hasta compra compras pagando todo toda todos todas unidades unidad the you
    """
)
FOR_SO_MUCH = _words("por con for com with")
ORDERED = _words("pedido encargo compra order pedidos encomenda")  # "para un pedido de $80.000"
TO_BE_HAD = _words("tienes hay puedes podrias tenemos alcanza encuentras you can tem pode voce temos")
HALF = _words("mitad half metade")
DOUBLE = HALF | _words("doble double dobro")
LEAST = _words("minimo minima minimum")
BOUND = _words("sobre superan supera superiores superior mayores over above acima mais exceed")
FROM = _words("desde from partir")
SORTS = _words(
    """
    modelos modelo opciones opcion tallas colores tipos variedades alternativas formatos tamanos sabores
    models options sizes colors colours kinds flavors modelos opcoes tamanhos cores tipos
    """
)
TAKE = _words(
    "lleva llevas llevando llevar lleve lleven leva leve levando leves take buy compra compras compre"
)
CHANGE = _words("vuelto cambio troco change")
PAY = _words("paga pagas pagando pague pagues pay pagar")
CENTS = _words("centavo centavos cent cents")
PRICED = _words(
    """
    : $ = – — - ( a en cuesta vale sale es is costs custa sai por r us s / clp precio price el la at
    esta estan queda solo ahora
    """
)
JOINS = _words("de del da do of -")
ASSERTS = _words("es son is are = : e sao seria seran")
ASKED = _words("mencionas pides pediste preguntas preguntaste dices consultas asked mention pediu mencionou")
MORE = _words("mas menos more less mais")
