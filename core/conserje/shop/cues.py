"""By which words people ask for a fact, in Spanish, Portuguese and English."""

from __future__ import annotations

ASKING = (
    " dónde cuándo cuánto cuánta cuántos cuántas cuál cuáles quién cómo qué"
    " donde cuando cuanto cuanta cuantos cuantas como cual cuales quien"
)
STOP_WORDS = """
hacen hace hacer uds pregunta consulta duda quería queria quisiera saber podrian podrias favor uma hay existe
existen manejan cuentan cuenta acaso the do you is are what can your have for where when how vocês voce você
tem têm fazem com porque
"""

# Each line is one way of asking: words in their order, at most three others between them; `|` parts those
# that stand for each other. What `words` says means the same needs one of them only.

_DAY = (
    "lunes|martes|miercoles|jueves|viernes|sabado|domingo|hoy|mañana|manana|finde|feriado|feriados|festivos"
    "|semana|segunda|terça|quarta|quinta|sexta|hoje|amanhã|monday|tuesday|wednesday|thursday|friday|saturday|sunday"
    "|today|tomorrow|weekend|weekends|holidays|tarde|noche|navidad|nochebuena"
    "|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre|almuerzo|mediodia"
)
_NEAR_DAY = "lunes|martes|miercoles|jueves|viernes|sabado|domingo|feriado|feriados|hoy|manana|finde"
_OPEN = "abre|cierra|atienden"
_COME = "ir|pasar|voy|paso"
_DATE = "|".join(map(str, range(1, 32)))
_BUSINESS = (
    "taller|negocio|almacen|minimarket|restaurant|restaurante|empresa|hosteria|hotel|hostal|cabañas|cafeteria"
    "|colegio|oficina|gimnasio|club|agencia|peluqueria|panaderia|botilleria|quiosco|kiosko|puesto"
)
_MANY = "docena|docenas|" + "|".join(map(str, range(10, 101)))
_SHOP = "local|showroom|tienda"
_TAKE = "aceptan|acepta|reciben|recibe|puedo|puede|pueden|podria|con|accept|take|aceitam|aceita|tienen"

HOURS = f"""
noche|tarde|{_NEAR_DAY} van estar|trabajar|atender|abrir
el|dia {_DATE} estar|estaran|abriran|atenderan
horario|horarios|horas_atencion
hora|horas|dia|dias|hrs {_OPEN}
{_OPEN} hora|horas|dias
hasta hora|horas|hrs|cuando {_OPEN}|estan
{_DAY} hasta hora|horas|hrs
desde hora|horas|hrs|cuando {_OPEN}|estan
{_OPEN} {_DAY}
{_DAY} {_OPEN}
{_OPEN} ahora|now|agora|aun|todavia|publico
estan|esta|siguen|sigue|are|is|tan|estarán|estao abierto|cerrado|atendiendo
opening|business|open|working hours
what hours|time open|close
que horas fecha|fecham|abre|abrem
{_OPEN} los|on|at|aos
tienen|tenis|hay turno
hora|horas puedo|podria|podemos|puede {_COME}
{_DAY} puedo|podria|podemos|puede {_COME}
puedo|podria|podemos|puede {_COME} {_DAY}
hasta|desde hora|horas {_DAY}
hasta|desde hora|horas el|dia {_DATE}
el|dia {_DATE} hasta|desde hora|horas
el|dia {_DATE} {_OPEN}|trabajan|estan
desde hora|horas|hrs|cuando hay|sirven|venden|sale
{_OPEN} el|dia {_DATE}
a las estan|atienden
{_NEAR_DAY} estar|estaran|estan|trabajan|abriran
hasta hora|horas|cuando pillo|encuentro|alcanzo
pillo|pillar|pillarlos {_DAY}
alcanzo ir|pasar|pillar|pillarlos
{_OPEN} almorzar|almuerzo|colacion|siesta
"""

ADDRESS = f"""
donde|adonde|dnd|onde es|estan|esta|quedan|queda|ubican|ubicados|encuentran|encuentro|{_SHOP}|son|fica|ficam
donde voy|vamos
donde|adonde retiro|retirar|puedo|comprar|verlos|verlo
direccion|ubicacion|address|location|endereço|ubicados|ubicado
tienen|tiene|hay|cuentan|tenis|teni|have|têm|tem {_SHOP}
{_SHOP} fisico|fisica|físico|presencial|santiago
solo|son|es|solamente|only online|internet
como llego|llegar|chego
metro|micro|paradero|estacion bajo|bajar|bajarme
donde bajo|bajar|bajarme
cerca metro|centro|plaza|mall|terminal|estacion
where are|is|located|find you|your|located
comuna|ciudad|calle|sector|parte|lado|metro|mall|piso|barrio|galeria estan|quedan|queda|esta|son|tienen
puedo|puede|podria|pasar|ir retirar|retiro|visitar|visitarlos|buscar|buscarlo {_SHOP}
pasar|ir buscar|buscarlo|buscarla|retirar|retirarlo|retirarla|verla|verlo|verlas|verlos|conocer|conocerlos
retiro|retirar|retira|pickup en|tienda|local|presencial
"""

DELIVERY = """
despacho
a domicilio
"""

# Of these "¿cómo llego a la tienda?" has one, too.
REACH = """
llevar|llevan|lleven|traer|traen|traigan|mandar|dejar a|hasta casa|obra|departamento|depto|oficina
pueden|puede|podrian|podria traer|traermelo|traerlo|mandar|mandarmelo|enviar|enviarmelo
mandan|llegan|manda a|para|hasta regiones|region|todo|chile|provincia|casa|sur|norte
llegan|mandan|llega a|hasta
cuanto|vale|sale|cuesta|cobran traigan|lleven|manden|traer|llevar|mandar
puesto|puesta|puestos alla|aca|casa|obra
van con
dejan|dejar|dejarlo en casa|obra|puerta|departamento|domicilio
cobran|cuesta|sale|vale llevar|traer|mandar|dejar a
llega|llegan|mandan|envian pa|para alla|aca|allá|acá
"""

COST = """
cuanto todo|puesto
quien|quién paga|pago
cuanto|cuánto|kuanto|quanto sale|cuesta|vale|cobran|es|é|seria|custa|cobra|costaria|saldria|fica|valor|sale
precio|costo|valor|tarifa|price|cost|much|gratis|gratuito|free|grátis|incluido|cobran|cobra|recargo
"""

# Of these the cost is asked for where nothing else is.
COST_ALONE = """
a cuanto
despacho cuanto|cuánto
cuanto|cuánto despacho
"""

TIME = """
cuanto|quanto demora|tiempo|llega|tempo
cuando|cuándo llega|llegaria|entregan|despachan|lo|me|chega
cuantos|quantos dias
demora
plazo|plazos|rapido|express|prazo
long|when take|arrive|ship|deliver|delivery|get
mismo|same dia|day
hora|horas|dia|dias llega|entregan|despachan|reparten
para hoy|mañana
"""

# Of these no word of delivery is needed.
ARRIVAL = """
cuanto demora llegar|llega|entregar|entrega
cuanto rato|tiempo llega|llegan|demora
en cuantos dias llega|llegaria|entregan
llega|llegaria|llegan|entregan hoy|mañana|altiro
cuantos dias|tiempo demora
llega|llegan|llegaria|entregan|traen mismo dia
cuantos|cuánto dias|tiempo estaria|tendria|recibo|recibiria
cuando llegaria|entregan
how long take|arrive
"""

PAYMENT = f"""
formas|forma|medios|medio|metodos|metodo|opciones|methods pago
como|puedo|puede|podria|donde|cuando|con|tienen|how|se pago
pago con|en|online|contra|link|linea|entrega|meses|cuotas|tarjeta|efectivo|transferencia|with|by|com
aceptan|acepta|reciben|recibe|accept|take|aceitam|aceita tarjeta
{_TAKE} transferencia|efectivo|cash|webpay|redcompra|mercadopago|mercado|cheque|paypal|pix|junaeb|bitcoin|amex
webpay|redcompra|mercadopago|pix
cuotas|parcelas|installments
en|con|por efectivo|transferencia
transferencia|efectivo tambien|o|también
datos transferencia|transferir|pago
{_TAKE} edenred|sodexo|amipass|pluxee|tenpo|amex|visa
hay|tengo pago todo|toda|antes|adelantado|completo|parte
abono|abonar|abona|adelanto
"""

RETURNS = """
arrepiento|arrepentirme|arrepentirse|arrepentimos
devolver
puedo|pueden|se|si|hacen|politica|plazo|para|como cambiar|cambio|cambiarlo|cambiarla|devolverlo|devolverla
si no me|le gusta|queda|sirve|funciona
si se|sale|viene|llega muere|rompe|seca|echa|quiebra|daña|malo|mala|fallado|fallada|descose|marchita
"""

WHOLESALE = f"""
mayorista|mayoristas|wholesale|atacado|reventa|revendedor|revendedores|revender|distribuidor|distribuidores|bulk
por mayor
compro|compramos harto|bastante|cantidad|cantidades|seguido
tengo|para {_BUSINESS}
otro|mejor|buen precio
comprar volumen|cantidad|cantidades
precio|precios|descuento volumen|cantidad|cantidades
precio|precios|descuento por {_MANY}
precio|descuento|rebaja|dscto llevo|compro|llevando|comprando|pido {_MANY}
"""

INVOICES = """
boleta
nota fiscal
"""

# Before these, "mi" says that something is under way, which no fact answers.
OWN = "mi mis my meu minha"
UNDER_WAY = (
    "pedido pedidos compra orden envio despacho paquete encomienda encargo order package direccion boleta"
    " factura pago transferencia entrega reembolso"
)
DONE = "hice realice pague transferi deposite compre pedi encargue devuelvan paid ordered bought comprei"
